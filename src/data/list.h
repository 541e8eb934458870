/* data/list.h: every data source. A row here and the file data/NAME.c that defines
 * `const struct tsgd_source tsgd_source_NAME` is all there is to adding one.                    */
SOURCE(digits)
SOURCE(fashion_mnist)
SOURCE(mnist)
SOURCE(cifar10)
SOURCE(idx)
SOURCE(npz)
SOURCE(csv)
SOURCE(libsvm)
SOURCE(blobs)
