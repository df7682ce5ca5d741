module plurimus.test/rdma

go 1.24.2

require github.com/k8snetworkplumbingwg/rdma-cni v1.5.0 // indirect
