"""Several processes that train one network, each on its share of every batch; started by torchrun.

    torchrun --nproc-per-node 2 -m train.fit
    devices: 2 in a recipe starts torchrun by itself

Each process holds the whole set and draws the same random numbers, so that a batch is the same images with
the same changes whatever the number of processes. Without torchrun there is one, and nothing to agree on.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from data.common.cli import ENDS, current_handlers
from data.common.errors import UserError
from train.core.device import choose_device

# What gloo and NCCL say when a process at the other end of a connection is gone.
LOST = ("closed by peer", "reset by peer", "Broken pipe", "ncclRemoteError")


@dataclass(frozen=True)
class World:
    """This process among those of the run: its number, how many there are, and its device."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return this process' part of a batch of so many images; the parts differ by one at most."""
        start, end = (count * rank // self.size for rank in (self.rank, self.rank + 1))
        return slice(start, end)

    def agree(self, values: Sequence[int]) -> list[int]:
        """Return the largest of what the processes say, value by value.

        On the CPU, so that no GPU has to be waited for.
        """
        if self.size == 1:
            return list(values)
        said = torch.tensor(values)
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return [int(value) for value in said]

    def fail_together(self, problem: UserError | None) -> None:
        """Raise a problem that any of the processes has; those without one end without a word."""
        (failed,) = self.agree([problem is not None])
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
        """Return the network with its gradients averaged over the processes.

        Running statistics are those of each process; the first one's count.
        """
        if self.size == 1:
            return network
        # Numbers of GPUs; None for processes on the CPU.
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=ids, forward_sync_buffers=False)


ALONE = World(0, 1, torch.device("cpu"))


def wanted(devices: int | str) -> int:
    """Return how many processes a recipe asks for: "auto" is one for each GPU."""
    if isinstance(devices, int):
        return devices
    return max(torch.cuda.device_count(), 1)


def launch(devices: int | str, module: str) -> bool:
    """Run a module in several processes if a recipe asks for them, and return whether it did.

    Raises `UserError` if there are not as many GPUs or if something ended a process; where the processes
    themselves have said what is wrong, this one ends with the exit code of the first to fail.
    """
    count = wanted(devices)
    if count == 1 or dist.is_torchelastic_launched():
        return False
    _enough(count)
    # The processes share the processor's cores; torchrun would give each of them a single thread.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(torch.get_num_threads() // count, 1)))
    print(f"{count} processes, started by torchrun", flush=True)
    # It would end the processes by a signal that is ignored, as SIGHUP is under nohup.
    signals = ",".join(number.name for number in current_handlers((*ENDS, signal.SIGQUIT)))
    options = ["--standalone", "--nproc-per-node", str(count), "--signals-to-handle", signals]
    with _quiet_torchrun() as torchrun:
        torchrun.run(torchrun.parse_args([*options, "-m", module]))
    return True


@contextmanager
def _quiet_torchrun() -> Iterator[ModuleType]:
    """Lend torchrun without its own reports of failures, which bury what the processes say of theirs."""
    from torch.distributed import run as torchrun  # half a second, only where there are several processes
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    for name in logging.root.manager.loggerDict:
        if name.startswith("torch.distributed.elastic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield torchrun
    except SignalException as stopped:
        raise SystemExit(128 + stopped.sigval) from None
    except ChildFailedError as error:
        # One that was killed takes others with it, which may be seen in the same moment.
        killed = {rank: one.signal_name() for rank, one in error.failures.items() if one.exitcode < 0}
        if not killed:
            raise SystemExit(error.get_first_failure()[1].exitcode) from None
        rank, by = next(iter(killed.items()))
        raise UserError(
            f"process {rank} of this training was ended by {by}",
            "the same command goes on from the last checkpoint; did memory run out?",
        ) from None


def _enough(count: int) -> None:
    """Raise `UserError` if this machine has GPUs, but not as many."""
    if torch.cuda.is_available() and count > torch.cuda.device_count():
        raise UserError(
            f"{count} processes on this machine, with {torch.cuda.device_count()} GPUs; expected one each",
            "set devices to auto in params.yaml, or start torchrun with a lower --nproc-per-node.",
        )


@contextmanager
def joined() -> Iterator[World]:
    """Join the other processes that torchrun started: by NCCL between GPUs, by gloo between CPUs.

    Raises `UserError` if there are fewer GPUs than processes, or if another process is gone.
    """
    if not dist.is_torchelastic_launched():
        yield World(0, 1, choose_device())
        return
    _enough(int(os.environ["LOCAL_WORLD_SIZE"]))
    device = choose_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    world = World(dist.get_rank(), dist.get_world_size(), device)
    # Each machine's first process says what is wrong there; the others of it would repeat that.
    speaks = os.environ["LOCAL_RANK"] == "0"
    with nullcontext() if world.first else _silent(world.rank, speaks), _others_needed():
        yield world
    # Only at a good end: after an error the others may be anywhere, and would have to be waited for.
    dist.destroy_process_group()


@contextmanager
def _others_needed() -> Iterator[None]:
    """Say in one line that another process is gone, which an exchange with it ends in."""
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error) for words in LOST):
            raise
        raise UserError(
            "another process of this training has ended before its time",
            "the same command goes on from the last checkpoint.",
        ) from None


@contextmanager
def _silent(rank: int, speaks: bool) -> Iterator[None]:
    """Print nothing but, if this process speaks for another machine than the first one's, what ends it."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            yield
        except UserError as error:
            if speaks:
                print(f"process {rank}: {error}", file=sys.stderr)
            raise SystemExit(1) from None
