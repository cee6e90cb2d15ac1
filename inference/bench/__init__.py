"""How fast is it here? Workloads, the engines that carry them out, and what they took."""
