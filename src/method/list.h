/* method/list.h: every training method; `const struct tsgd_method tsgd_method_NAME` in
 * method/NAME.c.                                                                                */
METHOD(teleport)
METHOD(dsgd)
METHOD(allreduce)
METHOD(walk)
METHOD(d2)
METHOD(gt)
METHOD(qg_dsgdm)
METHOD(momentum_tracking)
