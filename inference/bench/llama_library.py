"""llama-cpp-python, without what it would write to standard error about each step."""

import llama_cpp

# Kept here: ctypes holds no reference to it.
_SILENCE = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(_SILENCE, None)

__all__ = ["llama_cpp"]
