"""Channel-optimised product quantiser: indices straight onto constellation points, no channel code."""
