# net:conv 8 3 pad 1; layernorm; gelu; dwconv 3 stride 2 pad 1; avgpool 2; conv 12 1; gelu; dwconv 2 nobias; avgpool; layernorm; dense 16; layernorm; gelu; dense classes
# for samples of 1x8x8, 10 outputs; written by telesgd model --pytorch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.ln1 = nn.LayerNorm([8, 8, 8])
        self.dwconv1 = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.conv2 = nn.Conv2d(8, 12, 1)
        self.dwconv2 = nn.Conv2d(12, 12, 2, bias=False, groups=12)
        self.ln2 = nn.LayerNorm(12)
        self.fc1 = nn.Linear(12, 16)
        self.ln3 = nn.LayerNorm(16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x):
        x = self.conv1(x)
        x = self.ln1(x)
        x = F.gelu(x)
        x = self.dwconv1(x)
        x = F.avg_pool2d(x, 2)
        x = self.conv2(x)
        x = F.gelu(x)
        x = self.dwconv2(x)
        x = x.mean((2, 3), keepdim=True)
        x = x.flatten(1)
        x = self.ln2(x)
        x = self.fc1(x)
        x = self.ln3(x)
        x = F.gelu(x)
        x = self.fc2(x)
        return x
