\ LOCALS and LOCALS EXT.
decimal
T{ : t-a {: a b :} a b - ; 10 3 t-a -> 7 }T
T{ : t-b {: a | b c -- d e :} a to b b 1+ to c a b c ; 5 t-b -> 5 5 6 }T
T{ : t-c locals| b a | a b - ; 10 3 t-c -> 7 }T
T{ : t-d {: a
  b :} a b ; 1 2 t-d -> 1 2 }T
T{ : t-e {: n :} n 0> if n dup 1- recurse then ; 3 t-e -> 3 2 1 }T
T{ : t-f {: a :} 3 0 do a i + loop ; 10 t-f -> 10 11 12 }T
T{ : t-g {: DUP :} dup ; 5 t-g -> 5 }T
T{ : t-h {: a :} [: 5 ;] execute a ; 1 t-h -> 5 1 }T
T{ : t-i {: :} 5 ; t-i -> 5 }T
T{ : t-j {: | :} 5 ; t-j -> 5 }T
T{ : t-k {: a :} a 1 > if exit then a ; 1 t-k 2 t-k -> 1 }T
: local  parse-name (local) ; immediate
: end-locals  0 0 (local) ; immediate
T{ : t-l local b local a end-locals a b - ; 10 3 t-l -> 7 }T
T{ : t-m {: a :} a 2 * {: b :} a b ; 4 t-m -> 4 8 }T
T{ s" #LOCALS" environment? swap 16 < -> true false }T
T{ s" LOCALS" environment? s" LOCALS-EXT" environment? -> true true true true }T
