GOLDEN("--data digits --model logistic --nodes 20 --active 4 --rounds 30 --schedule "
       "cosine --warmup 5",
       7e8bc67294683744, 2.06825898)
GOLDEN("--data digits --model logistic --method d2 --lazy --nodes 8 --rounds "
       "20 --topology line",
       7d5a03b6b2d21051, 1.9655318)
GOLDEN("--data digits --model logistic --method momentum-tracking --momentum "
       "0.9 --nodes 8 --rounds 20",
       4495473663a2fffb, 0.977404493)
GOLDEN("--data digits --model logistic --method dsgd --nodes 16 --rounds 20 "
       "--topology exp --gossip slices",
       94bc8b3a9f6dce82, 1.96385942)
GOLDEN("--data digits --model mlp:32 --nodes 9 --active 3 --rounds 20 --momentum "
       "0.9 --nesterov --weight-decay 0.001 --partition dirichlet:0.5 --allow-empty",
       e533a24d791a5290, 1.64055734)
GOLDEN("--data digits --model mlp:32 --method qg-dsgdm --momentum 0.9 --nodes "
       "12 --active 8 --rounds 20 --topology er:0.5",
       9d662092d6cd5107, 2.16353942)
GOLDEN("--data digits --model mlp:600,900 --nodes 4 --active 1 --rounds 1 --batch "
       "256 --lr 0.01",
       ce0757295164a8a3, 2.29565508)
GOLDEN("--data digits --model mlp:24 --method gt --nodes 6 --rounds 12 --topology "
       "torus --step-parts 2",
       65b3859a9b5306ed, 2.24145311)
GOLDEN("--model lenet --nodes 6 --active 3 --rounds 6 --momentum 0.9 --lr 0.02 "
       "--images 1x28",
       243aa5ee0a947581, 1.00900652)
GOLDEN("--model lenet --method dsgd --nodes 4 --rounds 2 --augment crop --lr "
       "0.02 --topology complete --images 3x28",
       b5d69a4530828da3, 1.38677579)
GOLDEN("--model resnet20 --nodes 4 --active 1 --rounds 2 --batch 16 --lr 0.02 "
       "--images 3x8",
       e9dd680b6339fe34, 0.933442011)
GOLDEN("--model net:conv~16~3~pad~1;relu;maxpool~2;conv~32~3~pad~1;groupnorm~8;"
       "relu;maxpool~2;conv~64~3~pad~1;relu;maxpool~2;dense --nodes 4 --active "
       "2 --rounds 2 --batch 16 --lr 0.01 --images 3x16",
       75beae8ae6e95bc5, 1.36935512)
GOLDEN("--model net:conv~16~3~pad~1;relu;maxpool~2;conv~32~3~pad~1;groupnorm~8;"
       "relu;maxpool~2;conv~64~3~pad~1;relu;maxpool~2;dense --conv direct "
       "--nodes 4 --active 2 --rounds 2 --batch 16 --lr 0.01 --images 3x16",
       07e32380caf4d48a, 1.36935506)
GOLDEN("--model net:conv~8~3~pad~1;layernorm;gelu;dwconv~3~pad~1;avgpool~2;"
       "conv~24~1;groupnorm~4;relu;dense --nodes 4 --active 2 --rounds 4 --lr "
       "0.02 --images 3x12",
       255af92adb8d3ab4, 0.971492162)
GOLDEN("--model quadratic --nodes 16 --active 5 --rounds 100 --lr 0.01",
       d4c41ffc0cbb91e3, 0)
