"""What decides a training's result: network, steps, schedule, optimiser, augmentation, devices."""
