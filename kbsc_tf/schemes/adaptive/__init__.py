"""The adaptive code: one code for every SNR and every number of symbols."""
