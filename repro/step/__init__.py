"""How one update is computed: the plain step, which is the reference, and faster steps that must equal it.

| file | what it is |
|---|---|
| `method.py` | `choose`: a run's precision and step, from what was requested and what the device supports |
| `plain.py` | the plain step, the meters of training, and evaluation |
| `kernels/` | the fast step on the CPU: C++ kernels for batch norm, addition, ReLU and convolution, in fp32 and bf16 |
| `matmul.py` | the plain step with VGG's last convolutions as matrix products, on the CPU |
| `cuda_graph.py` | a whole update captured as a CUDA graph |
| `compiled.py` | the plain step with residual blocks compiled by torch.compile, inside a CUDA graph |
"""
