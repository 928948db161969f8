"""The machine: its device, its memory, the precision it computes in, and seeded random numbers."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from data.datasets import dataset

# Purposes of random numbers: one stream each, so that no two draw the same.
ORDER, AUGMENT, COINS = range(3)

# glibc's parameters of mallopt (malloc.h).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def choose_device(number: int = 0) -> torch.device:
    """Return the GPU of that number if there are GPUs, else the CPU.

    TF32, which keeps ten bits of each factor of a GPU's convolutions, is switched off.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def describe(device: torch.device) -> str:
    """Return a GPU's name, or the number of the CPU's threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 natively; emulated it is many times slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def in_bfloat16(device: torch.device, precision: str) -> bool:
    """Return whether a recipe's precision is "bfloat16" and the device has it."""
    return precision == "bfloat16" and computes_bfloat16(device)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the mixed precision of a training step (Micikevicius et al. 2018).

    Weights, running statistics and the loss stay in float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16(device, precision))


def compiled(network: nn.Module, when: str, device: torch.device) -> nn.Module:
    """Return the network compiled by torch.compile: "never", on a "gpu" (as CUDA graphs), or "always"."""
    if when == "never" or (when == "gpu" and device.type != "cuda"):
        return network
    mode = "reduce-overhead" if device.type == "cuda" else "default"
    module = torch.compile(network, mode=mode, dynamic=False)
    assert isinstance(module, nn.Module)
    return module


def cannot_compile(error: Exception) -> bool:
    """Return whether an error comes from torch.compile, as where there is no C++ compiler."""
    from torch._dynamo.exc import TorchDynamoException  # two seconds, only where something is compiled

    return isinstance(error, TorchDynamoException)


def keep_large_blocks() -> None:
    """Let glibc keep freed memory; call it before the first tensor is made. Elsewhere nothing is done.

    By default glibc returns each large block to the system and faults it in again at the next step: a third
    of a step's time and more in float32 at batch 512, hardly anything at 128.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)  # never
        libc.mallopt(M_TOP_PAD, 256 << 20)


def on_device(path: Path, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return a prepared split's images, N x 32 x 32 x 3, and labels, N, on the device."""
    images, labels, _ = dataset.load(path)
    return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device).long()


def seeded(*key: int, device: torch.device | None = None) -> torch.Generator:
    """Return a generator whose numbers depend on the key alone, such as seed, purpose and step.

    So no random state has to be saved. `SeedSequence` mixes the key into the 32 bits that torch's CPU
    generator takes.
    """
    state = int(np.random.SeedSequence(key).generate_state(1)[0])
    return torch.Generator(device or "cpu").manual_seed(state)
