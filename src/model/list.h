/* model/list.h: every model; `const struct tsgd_model tsgd_model_NAME` in model/NAME.c. */
MODEL(logistic)
MODEL(mlp)
MODEL(lenet)
MODEL(vgg11)
MODEL(resnet20)
MODEL(quadratic)
