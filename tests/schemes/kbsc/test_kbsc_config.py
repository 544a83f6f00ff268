"""How long KBSC is trained where nothing is said."""

from kbsc_tf.schemes.kbsc.config import KbscConfig


def test_epochs_follow_from_the_number_of_features_unless_they_are_given():
    """2,000 steps of 512 features: 14 steps are all of 7,025; a large set has its 30 epochs, a tiny one 150."""
    assert [KbscConfig(scheme="kbsc").on(count).epochs for count in (100, 7_025, 45_000, 10**6)] == [150, 143, 30, 30]
    assert KbscConfig(scheme="kbsc", batch_size=64).on(7_025).epochs == 30
    assert KbscConfig(scheme="kbsc", epochs=5).on(7_025).epochs == 5
