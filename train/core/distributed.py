"""Several processes that train one network, each on its share of every batch; started by torchrun.

    torchrun --nproc-per-node 2 -m train.fit
    devices: 2 in a recipe starts torchrun by itself

Each process holds the whole set and draws the same random numbers, so that a batch is the same whatever the
number of processes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from data.common.cli import ENDS, current_handlers
from data.common.errors import UserError
from train.core.device import choose_device

# Errors of gloo and NCCL where the process at the other end of a connection is gone.
LOST = ("closed by peer", "reset by peer", "Broken pipe", "ncclRemoteError")


@dataclass(frozen=True)
class World:
    """This process among those of the run: its rank, how many there are, and its device."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return this process' part of a batch of so many images; parts differ by one image at most."""
        start, end = (count * rank // self.size for rank in (self.rank, self.rank + 1))
        return slice(start, end)

    def largest(self, values: Sequence[int]) -> list[int]:
        """Return the maximum of each value over the processes, exchanged without waiting for a GPU."""
        if self.size == 1:
            return list(values)
        maxima = torch.tensor(values)
        dist.all_reduce(maxima, dist.ReduceOp.MAX)
        return [int(value) for value in maxima]

    def fail_together(self, problem: UserError | None) -> None:
        """Raise this process' problem, or end without a message if another process has one."""
        (failed,) = self.largest([problem is not None])
        if problem:
            raise problem
        if failed:
            raise SystemExit(1)

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over the processes."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the network with gradients averaged over the processes.

        Each process has its own running statistics; those of the first are saved.
        """
        if self.size == 1:
            return network
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=ids, forward_sync_buffers=False)


ALONE = World(0, 1, torch.device("cpu"))


def process_count(devices: int | str) -> int:
    """Return how many processes a recipe asks for: "auto" is one for each GPU."""
    return devices if isinstance(devices, int) else max(torch.cuda.device_count(), 1)


def launch(devices: int | str, module: str) -> bool:
    """Run a module in several processes if a recipe asks for them, and return whether it did.

    Raises `UserError` if there are fewer GPUs, or if a process was killed; if a process failed, this one ends
    with its exit code.
    """
    count = process_count(devices)
    if count == 1 or dist.is_torchelastic_launched():
        return False
    _check_gpus(count)
    # The processes share the cores; torchrun would give each of them a single thread.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(torch.get_num_threads() // count, 1)))
    os.environ.setdefault("LOGLEVEL", "CRITICAL")  # torchrun's reports would bury the processes' errors
    print(f"{count} processes, started by torchrun", flush=True)
    _torchrun(["--standalone", "--nproc-per-node", str(count), "-m", module])
    return True


def _torchrun(arguments: list[str]) -> None:
    torchrun: Any = import_module("torch.distributed.run")  # half a second
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    # Without those that are ignored, as SIGHUP under nohup.
    handled = ",".join(number.name for number in current_handlers((*ENDS, signal.SIGQUIT)))
    try:
        torchrun.run(torchrun.parse_args(["--signals-to-handle", handled, *arguments]))
    except SignalException as stopped:
        raise SystemExit(128 + stopped.sigval) from None
    except ChildFailedError as error:
        # A process that was killed makes others fail in the same moment.
        killed = {rank: failure for rank, failure in error.failures.items() if failure.exitcode < 0}
        if not killed:
            raise SystemExit(error.get_first_failure()[1].exitcode) from None
        rank, failure = next(iter(killed.items()))
        raise UserError(
            f"process {rank} of this training was ended by {failure.signal_name()}",
            "the same command resumes from the last checkpoint; did memory run out?",
        ) from None


def _check_gpus(count: int) -> None:
    """Raise `UserError` if this machine has GPUs, but fewer than processes."""
    if torch.cuda.is_available() and count > torch.cuda.device_count():
        raise UserError(
            f"{count} processes on this machine, with {torch.cuda.device_count()} GPUs; expected one each",
            "set devices to auto in params.yaml, or start torchrun with a lower --nproc-per-node.",
        )


@contextmanager
def joined() -> Iterator[World]:
    """Join the processes that torchrun started: by NCCL between GPUs, by gloo between CPUs.

    The first process prints, and errors are shown once a machine. Raises `UserError` if there are fewer GPUs
    than processes, or if another process has ended.
    """
    if not dist.is_torchelastic_launched():
        yield World(0, 1, choose_device())
        return
    _check_gpus(int(os.environ["LOCAL_WORLD_SIZE"]))
    local_rank = int(os.environ["LOCAL_RANK"])
    device = choose_device(local_rank)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    world = World(dist.get_rank(), dist.get_world_size(), device)
    with Path(os.devnull).open("w") as nowhere, _errors_once(local_rank), ExitStack() as stack:
        if not world.first:
            stack.enter_context(redirect_stdout(nowhere))
        yield world
    # Not after an error, since the other processes would have to be waited for.
    dist.destroy_process_group()


@contextmanager
def _errors_once(local_rank: int) -> Iterator[None]:
    """Raise `UserError` in a machine's first process alone, also for a connection that is lost."""
    try:
        yield
    except (UserError, RuntimeError) as error:
        lost = any(words in str(error) for words in LOST)
        if isinstance(error, RuntimeError) and not lost:
            raise
        if local_rank:
            raise SystemExit(1) from None
        if not lost:
            raise
        raise UserError(
            "another process of this training has ended", "the same command resumes from the last checkpoint."
        ) from None
