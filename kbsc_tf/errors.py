"""The exceptions that mean "the user can mend this"."""


class UserError(Exception):
    """A mistake in the input: one sentence that names the file or field, what was expected and what to do.

    The command line prints it without a traceback and exits with status 2.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> try:
    ...     kbsc.run("quickstart", snr=3)
    ... except kbsc.UserError as error:
    ...     print(error)
    run: unknown keyword snr; did you mean snr_db?
    """

    ag_pass_through = True  # TensorFlow's AutoGraph hands such exceptions on as they are; it rewrites all others


class Infeasible(UserError):
    """Too few channel uses or training features for what was asked: one scheme at one k, say, and not all others.

    Examples
    --------
    >>> from kbsc_tf.coding import Mcs, TransportPlan
    >>> from kbsc_tf.errors import Infeasible
    >>> try:
    ...     TransportPlan.for_uses(Mcs.parse("qpsk-1/2"), 4)
    ... except Infeasible:
    ...     print("4 channel uses are too few")
    4 channel uses are too few
    """
