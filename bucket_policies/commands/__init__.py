"""The commands of `bucket-policies` that end by themselves: options, call, text or JSON; one module each."""
