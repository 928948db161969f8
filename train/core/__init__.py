"""What decides a training result: network, trainer, schedule, optimiser, augmentation, checkpoints, devices."""
