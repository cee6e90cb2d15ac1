"""Imports llama-cpp-python with its logging disabled."""

import llama_cpp

# Kept alive here: ctypes holds no reference to it.
_SILENCE = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(_SILENCE, None)

__all__ = ["llama_cpp"]
