/* model/list.h: every model.
 * NETWORK: one whose layers stand here (model/netspec.h), for samples of so many pixels a side or
 * more. MODEL: `const struct tsgd_model tsgd_model_NAME` in model/NAME.c.                        */
NETWORK(logistic, 1, "softmax regression",
        "fc: dense")
MODEL(mlp)
NETWORK(lenet, 16, "LeNet-5 with ReLU, max-pooling and group normalisation",
        "conv 6 5; relu; maxpool 2; groupnorm 2;"
        "conv 16 5; relu; maxpool 2; groupnorm 4;"
        "dense 120; relu; dense 84; relu; dense")
NETWORK(vgg11, 32, "VGG-11 with group normalisation, for samples of 32x32 or more",
        "conv 64 3 pad 1; groupnorm 8; relu; maxpool 2;"
        "conv 128 3 pad 1; groupnorm 8; relu; maxpool 2;"
        "conv 256 3 pad 1; groupnorm 8; relu; conv 256 3 pad 1; groupnorm 8; relu; maxpool 2;"
        "conv 512 3 pad 1; groupnorm 8; relu; conv 512 3 pad 1; groupnorm 8; relu; maxpool 2;"
        "conv 512 3 pad 1; groupnorm 8; relu; conv 512 3 pad 1; groupnorm 8; relu; maxpool 2;"
        "fc: dense")
/* The network of He et al. (2016), section 4.2, for small pictures, n = 3. */
#define BLOCK(name, channels, how) \
    name ": residual { conv " channels " 3 pad 1" how " nobias; groupnorm 8; relu;" \
    "conv " channels " 3 pad 1 nobias; groupnorm 8 }; relu;"
NETWORK(resnet20, 8, "ResNet-20 with group normalisation, for samples of 8x8 or more",
        "conv 16 3 pad 1 nobias; groupnorm 8; relu;"
        BLOCK("layer1.0", "16", "")
        BLOCK("layer1.1", "16", "")
        BLOCK("layer1.2", "16", "")
        BLOCK("layer2.0", "32", " stride 2")
        BLOCK("layer2.1", "32", "")
        BLOCK("layer2.2", "32", "")
        BLOCK("layer3.0", "64", " stride 2")
        BLOCK("layer3.1", "64", "")
        BLOCK("layer3.2", "64", "")
        "avgpool; fc: dense")
#undef BLOCK
MODEL(net)
MODEL(quadratic)
MODEL(objective)
