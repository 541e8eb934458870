/* model/layers.h: every kind of layer; `const struct tsgd_layer_ops tsgd_layer_NAME` in
 * model/NAME.c.                                                                                 */
LAYER(dense)
LAYER(conv)
LAYER(dwconv)
LAYER(relu)
LAYER(gelu)
LAYER(maxpool)
LAYER(groupnorm)
LAYER(layernorm)
LAYER(add)
LAYER(avgpool)
