"""An experiment with everything loaded: prepare, fit, simulate points, measure."""
