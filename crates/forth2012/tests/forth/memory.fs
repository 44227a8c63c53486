\ MEMORY.
decimal
variable t-at
T{ 100 allocate swap t-at ! -> 0 }T
T{ t-at @ aligned t-at @ = -> true }T
T{ 7 t-at @ ! 8 t-at @ 92 + ! -> }T
T{ t-at @ 200 resize swap t-at ! -> 0 }T
T{ t-at @ @ t-at @ 92 + @ -> 7 8 }T
T{ t-at @ 10 resize swap t-at ! t-at @ @ -> 0 7 }T
T{ here unused t-at @ 50 resize nip -rot unused = swap here = -> 0 true true }T
T{ t-at @ free t-at @ free 0= -> 0 false }T
T{ 0 allocate swap free -> 0 0 }T
T{ -1 allocate nip 0= 1 40 lshift allocate nip 0= -> false false }T
T{ 0 free 0= 12345 free 0= here 10 resize nip 0= -> false false false }T
T{ 10 allocate drop dup -1 resize 0= nip swap free -> false 0 }T
: t-many 100 0 do 1000 allocate throw free throw loop ;
T{ t-many -> }T
T{ s" MEMORY-ALLOC" environment? s" MEMORY-ALLOC-EXT" environment? -> true true true true }T
