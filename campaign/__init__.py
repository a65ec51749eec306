"""Campaign: from an open letter to a reviewed dispatch log. Start reading at ``campaign/flow/__init__.py``."""

__version__ = "0.1.0"
