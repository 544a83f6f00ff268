"""For ``python -m kbsc_tf.cli``."""

from kbsc_tf.cli import main

if __name__ == "__main__":
    main()
