"""The experiments behind the claim: what becomes separable without chemistry, when, and what helps."""
