\ CORE and CORE EXT, one line a case.
decimal

T{ 1 2 3 rot -> 2 3 1 }T
T{ 1 2 swap -> 2 1 }T
T{ 1 2 over -> 1 2 1 }T
T{ 1 2 nip -> 2 }T
T{ 1 2 tuck -> 2 1 2 }T
T{ 1 2 3 4 2swap -> 3 4 1 2 }T
T{ 1 2 3 4 2over -> 1 2 3 4 1 2 }T
T{ 0 ?dup -> 0 }T
T{ 5 ?dup -> 5 5 }T
T{ 10 20 30 2 pick -> 10 20 30 10 }T
T{ 10 20 30 2 roll -> 20 30 10 }T

T{ 7 2 / -> 3 }T
T{ -7 2 / -> -4 }T
T{ -7 2 mod -> 1 }T
T{ 7 -2 /mod -> -1 -4 }T
T{ 1000000007 1000000009 3 */ -> 333333338666666687 }T
T{ -7. 2 fm/mod -> 1 -4 }T
T{ -7. 2 sm/rem -> -1 -3 }T
T{ 1 63 lshift 1 63 lshift um* -> 0 1 62 lshift }T
T{ -1 1 rshift -> 9223372036854775807 }T
T{ 1 64 lshift -> 0 }T
T{ -1 2/ -> -1 }T
T{ 5 1 10 within -> true }T
T{ 10 1 10 within -> false }T
T{ -1 1 u< -> false }T
T{ -1 1 < -> true }T

: t-if if 1 else 2 then ;
T{ true t-if -> 1 }T
T{ false t-if -> 2 }T
: t-while begin dup 5 < while 1+ repeat ;
T{ 0 t-while -> 5 }T
: t-until begin 1+ dup 5 = until ;
T{ 0 t-until -> 5 }T
: t-do 0 ?do i loop ;
T{ 3 t-do -> 0 1 2 }T
T{ 0 t-do -> }T
: t+loop do i -1 +loop ;
T{ 0 3 t+loop -> 3 2 1 0 }T
: t-j 2 0 do 2 0 do j i loop loop ;
T{ t-j -> 0 0 0 1 1 0 1 1 }T
: t-leave 10 0 do i dup 3 = if leave then loop ;
T{ t-leave -> 0 1 2 3 }T
: t-case case 1 of 11 endof 2 of 22 endof 99 swap endcase ;
T{ 1 t-case -> 11 }T
T{ 2 t-case -> 22 }T
T{ 3 t-case -> 99 }T
: t-exit 1 exit 2 ;
T{ t-exit -> 1 }T
: t-fact dup 2 < if drop 1 else dup 1- recurse * then ;
T{ 10 t-fact -> 3628800 }T

variable t-var
T{ 5 t-var ! t-var @ -> 5 }T
T{ 3 t-var +! t-var @ -> 8 }T
create t-arr 1 , 2 , 3 c,
T{ t-arr @ t-arr cell+ @ t-arr 2 cells + c@ -> 1 2 3 }T
T{ t-arr 2@ -> 2 1 }T
10 value t-val
T{ t-val 20 to t-val t-val -> 10 20 }T
: t-to to t-val ;
T{ 30 t-to t-val -> 30 }T
7 constant t-con
T{ t-con -> 7 }T
: t-maker create , does> @ ;
5 t-maker t-five
T{ t-five -> 5 }T
: t-use t-five 1+ ;
T{ t-use -> 6 }T
defer t-def
T{ ' t-five is t-def t-def -> 5 }T
T{ action-of t-def ' t-five = -> true }T
: t-weird create does> 1 + does> 2 + ;
t-weird t-w1
T{ ' t-w1 >body here = -> true }T
T{ t-w1 here - -> 1 }T
T{ t-w1 here - -> 2 }T

: t-imm 42 ; immediate
: t-use-imm postpone t-imm ;
T{ t-use-imm -> 42 }T
: t-post postpone dup ; immediate
: t-use-post t-post ;
T{ 3 t-use-post -> 3 3 }T
T{ :noname 1 2 + ; execute -> 3 }T
: t-quot [: 2 * ;] execute ;
T{ 21 t-quot -> 42 }T
T{ char A -> 65 }T
: t-char [char] B ;
T{ t-char -> 66 }T
T{ : t-lit [ 3 4 + ] literal ; t-lit -> 7 }T
T{ s" abc" nip -> 3 }T
T{ s\" a\nb\x41\"" nip -> 5 }T
T{ s" 1 2 +" evaluate -> 3 }T
T{ 0. s" 123x" >number nip rot rot -> 1 123 0 }T
T{ bl word hello count nip -> 5 }T
T{ source-id 0= -> true }T
T{ $ff %101 #10 'a' -> 255 5 10 97 }T
T{ 1. -> 1 0 }T
T{ marker t-mark : t-gone 1 ; t-gone -> 1 }T
T{ t-mark [undefined] t-gone -> true }T
T{ ' catch 0<> -> true }T
: t-thrower 5 throw ;
T{ ' t-thrower catch -> 5 }T
: t-deep 1 2 3 ['] t-thrower catch ;
T{ t-deep -> 1 2 3 5 }T
: t-loc {: a b | c -- d :} a b - to c c 2 * ;
T{ 10 3 t-loc -> 14 }T
: t-bar locals| b a | a b - ;
T{ 10 3 t-bar -> 7 }T
T{ 1 allocate swap free -> 0 0 }T
T{ s" hello" s" ll" search nip nip -> true }T
T{ s" abc" s" abd" compare -> -1 }T

\ The rest of CORE.
T{ 1 2 2dup 1 2 2drop -> 1 2 1 2 }T
T{ 7 2 3 */mod -7 2 3 */mod -> 2 4 1 -5 }T
T{ 1 2 > 2 1 > 0 0< -1 0< -> false true false true }T
T{ 3 2* -3 2* 5 abs -5 abs 5 negate 0 invert -> 6 -6 5 5 -5 -1 }T
T{ 1 2 max 1 2 min -1 1 max -1 1 min -> 2 1 1 -1 }T
T{ 6 3 and 6 3 or 6 3 xor -> 2 7 5 }T
T{ 3 -4 m* -> -12. }T
T{ 7. 2 um/mod -1 0 2 um/mod -> 1 3 1 -1 1 rshift }T
T{ 5 s>d -5 s>d -> 5. -5. }T
T{ 1. 0 ' um/mod catch nip nip nip 0 1 1 ' um/mod catch nip nip nip -> -10 -11 }T
T{ 1 2 t-arr 2! t-arr 2@ -> 1 2 }T
T{ 65 t-arr c! t-arr c@ 321 t-arr c! t-arr c@ -> 65 65 }T
T{ 5 chars 5 char+ 1 aligned 8 aligned -> 5 6 8 8 }T
T{ 1 c, align here aligned here = 8 allot here 8 - -8 allot here = -> true true }T
T{ pad 5 char x fill pad 4 + c@ pad 5 + 0 over c! c@ -> 120 0 }T
T{ s" abcd" pad swap move pad pad 1+ 3 move pad 1+ c@ pad 3 + c@ -> 97 99 }T
: t-r >r r@ r> ;
T{ 5 t-r -> 5 5 }T
: t-unloop 5 0 do i 2 = if i unloop exit then loop 9 ;
T{ t-unloop -> 2 }T
T{ 1 2 depth -> 1 2 2 }T
T{ base @ 16 base ! 1f swap base ! -> 31 }T
T{ 40 0 <# # #s -1 sign 42 hold #> pad swap move pad c@ pad 1+ c@ -> 42 45 }T
T{ 0 0 <# #> nip -> 0 }T
T{ 0 0 <# char a hold #> drop c@ -> 97 }T
T{ ' . catch -> -4 }T
T{ 1 . -1 u. space 3 spaces -1 spaces 65 emit cr s" typed" type ." text" -> }T
: t-dot ." compiled" ;
T{ t-dot -> }T
T{ key -> 107 }T
T{ pad 5 accept pad c@ pad 20 accept -> 5 116 10 }T
T{ c" dup" find swap ' dup = c" if" find nip c" none" find nip -> -1 true 1 0 }T
T{ source nip 0> >in @ 0> -> true true }T
T{ state @ -> 0 }T
T{ ( a comment ) 1 -> 1 }T
: t-abort abort ;  : t-abortq abort" message" ;
T{ ' t-abort catch 1 ' t-abortq catch nip 0 t-abortq -> -1 -2 }T
T{ : t-quit quit ; -> }T
T{ s" /COUNTED-STRING" environment? s" MAX-CHAR" environment? -> 255 true 255 true }T
T{ s" ADDRESS-UNIT-BITS" environment? s" FLOORED" environment? -> 8 true true true }T
T{ s" MAX-N" environment? s" MAX-U" environment? -> -1 1 rshift true -1 true }T
T{ s" /HOLD" environment? swap 130 < s" /PAD" environment? swap 84 < -> true false true false }T
T{ s" STACK-CELLS" environment? swap 32 < s" RETURN-STACK-CELLS" environment? swap 24 < -> true false true false }T
T{ s" CORE" environment? s" NOSUCHQUERY" environment? -> true true false }T

\ Loops whose step passes over the end of the numbers.
variable stride
: turns ( n limit start step -- n' )  stride ! do 1+ stride @ +loop ;
-1 8 rshift 1+ constant big
-1 1 rshift constant most   most invert constant least
T{ 0 -1 0 big turns -> 256 }T
T{ 0 0 -1 big negate turns -> 256 }T
T{ 0 0 0 big turns -> 256 }T
T{ 0 0 0 big negate turns -> 1 }T
T{ 0 least most big turns -> 1 }T
T{ 0 most least big negate turns -> 1 }T
T{ 0 least 1+ 1 least turns -> 2 }T
T{ 0 most -1 most turns -> 2 }T

\ >IN in the text interpreter, and several ELSE in one IF.
T{ 98765 depth over 9 < 34 and + 3 + >in ! -> 98765 8765 765 65 5 }T
: many-else ( f -- ... )  if 1 else 2 else 3 else 4 then ;
T{ true many-else false many-else -> 1 3 2 4 }T

\ A body of DOES> that makes its word immediate when it runs, and DOES> without CREATE around it.
: late ( n "name" -- )  create , does> @ 2 + immediate ;
: found ( "name" -- n )  bl word find nip ;
T{ 40 late answer found answer answer found answer -> -1 42 1 }T
: as-pair ( -- )  does> 2@ ;
T{ create both 3 , both , as-pair both -> ' both >body 3 }T

\ Definitions that call themselves more than once.
: ackermann ( m n -- u )
  over 0= if nip 1+ exit then  swap 1- swap
  dup 0= if 1+ recurse exit then  1- over 1+ swap recurse recurse ;
T{ 0 0 ackermann 3 0 ackermann 2 4 ackermann 2 9 ackermann -> 1 5 11 21 }T

\ A word that calls others is copied where it is used: nobody may notice.
: inner ( n -- n' )  dup 0< if -7 throw then 1+ ;
: middle ( n -- n' )  inner ['] inner execute ;
: outer ( n -- n' )  middle middle >r middle r> + ;
T{ 1 5 outer -> 12 }T
T{ -9 ' middle catch nip -> -7 }T
: unbalanced ( n -- )  >r ;
: calls-unbalanced ( -- )  5 unbalanced 6 ;
T{ ' calls-unbalanced catch 0= -> false }T
