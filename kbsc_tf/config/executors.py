"""Who computes the points of a sweep. Imports no TensorFlow."""

import socket
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from kbsc_tf.config.named import Named
from kbsc_tf.config.strict import Strict, only_of
from kbsc_tf.errors import UserError
from kbsc_tf.registry import Spec, executors

_ANSWER_S = 10.0


class ExecutorSettings(Strict):
    """Who computes the points; not part of what makes a record, so it may change between sessions of one folder."""

    kind: str = Field(description="Who computes the points; kbsc list executors shows all.")

    @classmethod
    def refusal(cls, key: str) -> str:
        return only_of("kind", key, (ProcessesConfig, RayConfig))


class LocalConfig(ExecutorSettings):
    """This process."""

    kind: Literal["local"] = Field("local", description="This process, one point after another.")


class ProcessesConfig(ExecutorSettings):
    """Processes of this machine."""

    kind: Literal["processes"] = Field("processes", description="Processes of this machine.")
    workers: int | None = Field(None, ge=1, description="Points at a time; as many as fit unless given.")
    threads: int | None = Field(None, ge=1, description="Threads of a worker; its share of the cores unless given.")


class RayConfig(ExecutorSettings):
    """A Ray cluster."""

    kind: Literal["ray"] = Field("ray", description="A Ray cluster.")
    workers: int | None = Field(None, ge=1, description="Points at a time; as many as fit unless given.")
    threads: int | None = Field(None, ge=1, description="Threads of a worker; its share of the cores unless given.")
    address: str | None = Field(None, description="Ray's auto or host:port; a cluster is started here unless given.")
    num_cpus: float = Field(1.0, gt=0, description="Cores that Ray reserves for a point.")
    num_gpus: float = Field(0.0, ge=0, description="GPUs, or a share of one, that Ray reserves for a point.")


class ExecutorSpec(Spec):
    """What the house knows of an executor.

    Attributes
    ----------
    Config : type
        A subclass of `ExecutorSettings`.
    builder : str
        Called with the settings and two callables: ``computer()`` makes what computes points in this process, ``job()``
        what workers elsewhere are sent; returns a `kbsc_tf.sweep.executors.protocols.Executor`.
    elsewhere : bool
        Whether it has workers in other processes, which build everything again.
    runs_main : bool
        Whether such workers run the script that was started too, so that what it registers is known to them.

    Examples
    --------
    >>> from kbsc_tf.registry import executors
    >>> executors["local"].elsewhere, executors["processes"].elsewhere
    (False, True)
    """

    Config: type[ExecutorSettings]
    elsewhere: ClassVar[bool] = True
    runs_main: ClassVar[bool] = False

    def check(self, config: Any) -> None:
        """Refuse what is missing on this machine, by a UserError, before any long work."""


class LocalSpec(ExecutorSpec):
    """This process, one point after another."""

    name, order, builder = "local", 10, "kbsc_tf.sweep.executors.local:build_local"
    Config, elsewhere = LocalConfig, False


class ProcessesSpec(ExecutorSpec):
    """Processes of this machine, each with its share of the cores."""

    name, order, builder = "processes", 20, "kbsc_tf.sweep.executors.processes:build_processes"
    Config, runs_main = ProcessesConfig, True


class RaySpec(ExecutorSpec):
    """A Ray cluster: an existing one, or one on this machine."""

    name, order, builder = "ray", 30, "kbsc_tf.sweep.executors.ray_cluster:build_ray"
    Config = RayConfig

    def check(self, config: RayConfig) -> None:
        """Refuse a Ray that is not installed, or a cluster where nobody answers."""
        if find_spec("ray") is None:
            raise UserError("executor: ray is not installed; pip install 'kbsc_tf[ray]' or choose processes")
        if config.address and ":" in config.address:  # Ray itself ends the process where nobody answers
            host, _, port = config.address.removeprefix("ray://").rpartition(":")
            try:
                socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
            except (OSError, ValueError, OverflowError) as error:
                raise unreachable(config.address, error) from None


def unreachable(address: str | None, error: Exception) -> UserError:
    """Where no Ray cluster is."""
    where = f"the Ray cluster at {address}" if address else "Ray on this machine"
    return UserError(
        f"executor.address: cannot reach {where} ({str(error).splitlines()[0][:120]}); start it with ray start --head, "
        "use auto on one of its machines, or leave address out"
    )


ExecutorConfig = Annotated[ExecutorSettings, Named(executors, "kind", default="local")]
"""Any executor; ``kind: local`` is the default, and a name alone is enough."""
