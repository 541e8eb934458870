/* model/layers.h: every kind of layer; `const struct tsgd_layer_ops tsgd_layer_NAME` in
 * model/NAME.c.                                                                                 */
LAYER(dense)
LAYER(conv)
LAYER(relu)
LAYER(maxpool)
LAYER(groupnorm)
LAYER(add)
LAYER(avgpool)
