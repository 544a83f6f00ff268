"""Sweeps, records, figures. `records`, `plots` and `table` import no TensorFlow: figures redraw in a second."""
