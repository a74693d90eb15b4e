"""How one update is computed: the plain step, which is the reference, and faster steps that must equal it.

| file | what it is |
|---|---|
| `method.py` | `choose`: a run's precision and step, from what was requested and what the device supports |
| `plain.py` | the plain step, the meters of training, and evaluation |
| `kernels/` | C++ kernels for the CPU, and two steps of them: `network.py` for ResNets, in fp32 and bf16, and |
| | `sequential.py` for small networks (mlp, cnn), in fp32 |
| `matmul.py` | the plain step with VGG's last convolutions as matrix products, on the CPU |
| `cuda_graph.py` | a whole update captured as a CUDA graph |
| `triton/` | CIFAR ResNets with this project's Triton kernels around torch's convolutions, inside a CUDA graph |
| `compiled.py` | the plain step with residual blocks compiled by torch.compile, inside a CUDA graph |
"""
