"""Answer analysis: train, evaluate and calibrate the core's model with labelled recordings. Nothing here is used while calls run."""
