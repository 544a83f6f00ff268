"""One or several results folders as an interactive HTML page: `kbsc_tf.report.page.write_report`. No TensorFlow."""
