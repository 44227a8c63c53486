\ STRING and STRING EXT.
decimal
: s= ( c-addr1 u1 c-addr2 u2 -- f )  compare 0= ;
create t-buf 64 allot
T{ s" ab  " -trailing nip s"   " -trailing nip s" " -trailing nip -> 2 0 0 }T
T{ s" abc" 1 /string s" bc" s= s" abc" 2 /string -1 /string s" bc" s= -> true true }T
T{ t-buf 3 blank t-buf 3 s"    " s= -> true }T
T{ s" abc" t-buf swap cmove t-buf 3 s" abc" s= -> true }T
T{ t-buf t-buf 1+ 5 cmove t-buf 6 s" aaaaaa" s= -> true }T
T{ s" abc" t-buf swap move t-buf t-buf 1+ 3 cmove> t-buf 4 s" aabc" s= -> true }T
T{ t-buf t-buf 0 cmove t-buf t-buf 0 cmove> -> }T
T{ 0 t-buf 1 ' cmove catch nip nip nip t-buf 0 1 ' cmove> catch nip nip nip -> -9 -9 }T
T{ s" abc" s" abd" compare s" abd" s" abc" compare s" ab" s" abc" compare -> -1 1 -1 }T
T{ s" abc" s" ab" compare s" " s" " compare s" a" s" A" compare -> 1 0 1 }T
T{ s" hello" s" ll" search -rot s" llo" s= -> true true }T
T{ s" hello" s" lx" search nip nip s" hello" s" " search nip nip -> false true }T
T{ s" a" s" ab" search nip nip s" " s" a" search nip nip -> false false }T
: t-lit [ s" abc" ] sliteral ;
T{ t-lit s" abc" s= -> true }T
: t-empty [ s" " ] sliteral ;
T{ t-empty nip -> 0 }T

: t-sub ( c-addr u -- c-addr u n )  t-buf 64 substitute ;
T{ s" world" s" who" replaces -> }T
T{ s" hi %who%!" t-sub -rot s" hi world!" s= -> 1 true }T
T{ s" %who% %WHO% 100%%" t-sub -rot s" world world 100%" s= -> 2 true }T
T{ s" %nobody% %" t-sub -rot s" %nobody% %" s= -> 0 true }T
T{ s" a % b" t-sub -rot s" a % b" s= -> 0 true }T
T{ s" %who%" s" who" replaces s" %who%" t-sub -rot s" %who%" s= -> 1 true }T
T{ s" " s" who" replaces s" <%who%>" t-sub -rot s" <>" s= -> 1 true }T
T{ s" hello" t-buf 3 substitute nip nip 0< -> true }T
T{ s" x" s" %" ' replaces catch nip nip nip nip -> -79 }T
T{ s" a%b%" t-buf unescape s" a%%b%%" s= -> true }T
T{ s" 50% off %x%" pad unescape t-sub -rot s" 50% off %x%" s= -> 0 true }T
T{ s" STRING" environment? s" STRING-EXT" environment? -> true true true true }T
