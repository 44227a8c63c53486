\ EXCEPTION and EXCEPTION EXT.
decimal
: t-throw throw ;  : t-nest ['] t-throw catch ;  : t-two 1 2 3 throw ;
T{ 0 throw 1 0 t-throw -> 1 }T
T{ 5 ' t-throw catch nip -> 5 }T
T{ ' noop catch -> 0 }T
T{ ' t-two catch -> 3 }T
T{ 7 t-nest nip -> 7 }T
: t-rs 1 >r 2 >r 9 throw ;
: t-rs2 5 >r ['] t-rs catch r> ;
T{ t-rs2 -> 9 5 }T
: t-loop 3 0 do i ['] t-two catch loop ;
T{ t-loop -> 0 3 1 3 2 3 }T
T{ : t-ab abort ; ' t-ab catch -> -1 }T
T{ : t-abq abort" stop" ; 1 ' t-abq catch nip 0 ' t-abq catch -> -2 0 }T
T{ s" nosuchword" ' evaluate catch nip nip -> -13 }T
T{ s" 1 throw" ' evaluate catch nip nip source nip 0> -> 1 true }T
T{ ' drop catch 0 ' @ catch nip 1 0 ' / catch nip nip -> -4 -9 -10 }T
: t-locals {: a :} 1 throw ;  : t-locals2 {: b :} 5 ['] t-locals catch nip b ;
T{ 8 t-locals2 -> 1 8 }T
: t-deep recurse ;
T{ ' t-deep catch -> -5 }T
T{ 12345 ' execute catch nip -> -9 }T
: t-catch2 ['] catch catch ;
T{ t-catch2 -> -4 }T
T{ 1e ' t-two catch fdepth fdrop -> 3 1 }T
T{ s" EXCEPTION" environment? s" EXCEPTION-EXT" environment? -> true true true true }T
