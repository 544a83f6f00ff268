"""A page in the browser that sends images over the links of a run. Dash is loaded by `app`, TensorFlow by `links`."""
