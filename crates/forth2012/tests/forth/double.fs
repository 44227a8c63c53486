\ DOUBLE and DOUBLE EXT.
decimal
1 127 64 - lshift 1- constant t-max
-1 t-max 2constant t-maxd   0 t-max invert 2constant t-mind
T{ 1. 2. d+ -1. 1. d+ -1 0 1. d+ -> 3. 0. 0 1 }T
T{ 1. 2. d- 0. 1. d- 0 1 1. d- -> -1. -1. -1 0 }T
T{ t-maxd 1. d+ -> t-mind }T
T{ 0. d0= 1. d0= 0 1 d0= 0. d0< -1. d0< 0 1 d0< -> true false false false true false }T
T{ 1. d2* -1 0 d2* 3. d2/ -3. d2/ 0 1 d2/ -> 2. -2 1 1. -2. 1 63 lshift 0 }T
T{ 1. 2. d< 2. 1. d< -1. 0. d< 1. 1. d< t-mind t-maxd d< -> true false true false true }T
T{ 1. 1. d= 1. 2. d= 0 1 0 2 d= -> true false false }T
T{ -1. 1. du< 1. -1. du< 1. 2. du< -> false true true }T
T{ 5. d>s -5. d>s 7 9 d>s -> 5 -5 7 }T
T{ -5. dabs 5. dabs t-mind dabs -> 5. 5. t-mind }T
T{ 5. dnegate 0. dnegate t-mind dnegate -> -5. 0. t-mind }T
T{ 1. 2. dmax -1. -2. dmax 1. 2. dmin -1. -2. dmin -> 2. -1. 1. -2. }T
T{ 10. 3 m+ 10. -11 m+ -1 0 1 m+ -> 13. -1. 0 1 }T
T{ 10. 3 2 m*/ -10. 3 2 m*/ 7. -1 2 m*/ -> 15. -15. -4. }T
T{ t-maxd 7 7 m*/ t-maxd 7 14 m*/ -> t-maxd t-maxd d2/ }T
T{ 1. 1 0 ' m*/ catch nip nip nip nip -> -10 }T
2variable t-var
T{ t-var 2@ 1. t-var 2! t-var 2@ -> 0. 1. }T
: t-lit [ 5. ] 2literal ;
T{ t-lit -> 5. }T
T{ 1 2 2constant t-con t-con -> 1 2 }T
5. 2value t-val
: t-to to t-val ;
T{ t-val 6. to t-val t-val 7. t-to t-val -> 5. 6. 7. }T
T{ 1. 2. 3. 2rot -> 2. 3. 1. }T
T{ -5. d. 5. 6 d.r 5. ud. t-mind d. t-maxd 50 d.r cr -> }T
T{ 1 2 3 ' 2rot catch nip nip nip -> -4 }T
T{ s" MAX-D" environment? s" MAX-UD" environment? -> t-maxd true -1. true }T
T{ s" DOUBLE" environment? s" DOUBLE-EXT" environment? -> true true true true }T
