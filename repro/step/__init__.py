"""How one update is computed: plainly, which is the reference, and faster where there is a way that equals it.

| file | what it is |
|---|---|
| `method.py` | precision and step of a run: what was asked for, what the device has; `choose` |
| `plain.py` | the plain step, the meters, and the evaluation |
| `kernels/` | the CPU's fast step: C++ kernels for norm, addition, ReLU and convolution, fp32 and bf16 |
| `matmul.py` | the plain step with VGG's last convolutions as matrix products, for the CPU |
| `cuda_graph.py` | an update as a CUDA graph |
| `compiled.py` | the plain step with its residual blocks through torch.compile, for such a graph |
"""
