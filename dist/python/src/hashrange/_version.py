__version__ = "0.0.0"  # dist/python/pack writes the version of the program
