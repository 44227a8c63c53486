\ FLOATING and FLOATING EXT. F= wants the same bits, F? is near enough.
decimal
: f= ( -- f ) ( F: r1 r2 -- )  0e f~ ;
: f? ( -- f ) ( F: r1 r2 -- )  -1e-12 f~ ;
: fclear ( F: i*r -- )  fdepth 0 ?do fdrop loop ;
0e 0e f/ fabs fconstant t-nan   1e 0e f/ fconstant t-inf

\ Stack.
T{ fdepth -> 0 }T
T{ 1e fdepth fdrop -> 1 }T
T{ 1e fdup f= -> true }T
T{ 1e 2e fswap f- 1e f= -> true }T
T{ 1e 2e fover f- f+ 2e f= -> true }T
T{ 1e 2e 3e frot f>s f>s f>s -> 1 3 2 }T
T{ ' fdrop catch fclear -> -45 }T
T{ 1e ' f+ catch fdrop fclear -> -45 }T
: t-fill begin 1e again ;
T{ ' t-fill catch fclear -> -44 }T
T{ fdepth -> 0 }T

\ Numbers in a text.
T{ 1E 1e0 f= 1.5e 15e-1 f= -1e-2 -0.01e f= -> true true true }T
T{ +1.e3 1000e f= -> true }T
T{ : t-lit 2.5e ; t-lit 2.5e f= -> true }T
T{ hex 1e decimal -> 30 }T
T{ : t-lit2 [ 3e ] fliteral ; t-lit2 3e f= -> true }T
T{ -0e 0e f= -> false }T

\ Arithmetic is IEEE 754.
T{ 1e 2e f+ 3e f= 1e 2e f- -1e f= 3e 2e f* 6e f= 1e 4e f/ 0.25e f= -> true true true true }T
T{ 0.1e 0.2e f+ 0.3e f= -> false }T
T{ 1e 0e f/ t-inf f= -1e 0e f/ t-inf fnegate f= -> true true }T
T{ t-nan t-nan f< t-nan f0= t-nan f0< -> false false false }T
T{ 1e 2e f< 2e 1e f< 1e 1e f< -> true false false }T
T{ -1e f0< 0e f0< -0e f0< -> true false false }T
T{ 0e f0= -0e f0= 1e f0= -> true true false }T
T{ 1e fnegate -1e f= -3e fabs 3e f= -> true true }T
T{ 1e 2e fmax 2e f= 1e 2e fmin 1e f= -> true true }T
T{ 1.5e floor 1e f= -1.5e floor -2e f= -> true true }T
T{ 1.5e fround 2e f= 2.5e fround 2e f= -0.4e fround -0e f= -> true true true }T
T{ 1.9e ftrunc 1e f= -1.9e ftrunc -1e f= -> true true }T

\ Integers.
T{ 5. d>f f>d -7. d>f f>d -> 5. -7. }T
T{ 5 s>f f>s -7 s>f f>s -> 5 -7 }T
T{ 1.9e f>s -1.9e f>s 1.9e f>d -> 1 -1 1. }T
T{ 1 63 lshift 0 d>f 9223372036854775808e f= -> true }T
T{ 1e30 ' f>s catch fclear -> -11 }T
T{ 1e40 ' f>d catch fclear -> -11 }T
T{ t-nan ' f>s catch t-inf ' f>d catch t-nan ' f>d catch fclear -> -11 -11 -11 }T

\ Memory.
fvariable t-v
T{ 3e t-v f! t-v f@ 3e f= -> true }T
7e fconstant t-c
T{ t-c 7e f= -> true }T
1e fvalue t-val
T{ t-val 1e f= 2e to t-val t-val 2e f= -> true true }T
: t-to to t-val ;
T{ 4e t-to t-val 4e f= -> true }T
create t-buf 64 allot
T{ 0.1e t-buf sf! t-buf sf@ 0.1e f= t-buf sf@ 0.1e 1e-7 f~ -> false true }T
T{ 0.1e t-buf 1+ df! t-buf 1+ df@ 0.1e f= -> true }T
T{ 1e 0 ' f! catch nip fclear 0 ' f@ catch nip fdepth -> -9 -9 0 }T
T{ 0 float+ 3 floats 0 dfloat+ 3 dfloats 0 sfloat+ 3 sfloats -> 8 24 8 24 4 12 }T
T{ 1 faligned 8 faligned 1 dfaligned 1 sfaligned 4 sfaligned -> 8 8 8 4 4 }T
T{ 1 c, falign here 7 and 1 c, dfalign here 7 and 1 c, sfalign here 3 and align -> 0 0 0 }T
begin-structure t-s  cfield: t-s.c  sffield: t-s.s  ffield: t-s.f  dffield: t-s.d  end-structure
T{ t-s 0 t-s.c 0 t-s.s 0 t-s.f 0 t-s.d -> 24 0 4 8 16 }T

\ Functions.
T{ 4e fsqrt 2e f= 2e 10e f** 1024e f= -> true true }T
T{ -1e fsqrt fdup f= -1e fsqrt 0e f< -> true false }T
T{ 1e fexp 2.718281828459045e f? 1e-10 fexpm1 1.00000000005e-10 f? -> true true }T
T{ 2.718281828459045e fln 1e f? 1e-10 flnp1 0.99999999995e-10 f? 1000e flog 3e f? -> true true true }T
T{ 3e falog 1000e f? -> true }T
T{ 0e fsin 0e f= 0e fcos 1e f= 0e ftan 0e f= -> true true true }T
T{ 1e fsin fasin 1e f? 1e fcos facos 1e f? 1e ftan fatan 1e f? -> true true true }T
T{ 1e fsinh fasinh 1e f? 1e fcosh facosh 1e f? 0.5e ftanh fatanh 0.5e f? -> true true true }T
T{ 1e fsincos 1e fcos f= 1e fsin f= -> true true }T
T{ 1e 1e fatan2 0.785398163397448e f? -1e -1e fatan2 -2.356194490192345e f? -> true true }T
T{ 0e 1e fatan2 0e f= -0e 1e fatan2 -0e f= -> true true }T
T{ 10e 11e 1.5e f~ 10e 11e 0.5e f~ -> true false }T
T{ 10e 10e 0e f~ 0e -0e 0e f~ t-nan fdup 0e f~ -> true false true }T
T{ 10e 11e -0.1e f~ 10e 11e -0.01e f~ -> true false }T

\ Text.
: t->f ( c-addr u -- f ) ( F: r -- )  >float if f= else fdrop false then ;
T{ 1e s" 1" t->f 0.5e s" .5" t->f 150e s" 1.5D2" t->f 100e s" 1+2" t->f -> true true true true }T
T{ 0e s" " t->f 0e s"    " t->f -1e s" -1.e" t->f -> true true true }T
T{ s" 1e1e" >float s" ." >float s" e1" >float s" 1 2" >float s" x" >float -> false false false false false }T
T{ 0.1e s" 0.1000000000000000055511151231257827" t->f -> true }T
: t-rep ( u -- n f1 f2 c-addr u ) ( F: r -- )  >r t-buf r@ represent t-buf r> ;
T{ 1e 3 t-rep s" 100" compare -> 1 0 true 0 }T
T{ -0.00123e 3 t-rep s" 123" compare -> -2 true true 0 }T
T{ 99999e 3 t-rep s" 100" compare -> 6 0 true 0 }T
T{ 2.5e 1 t-rep s" 2" compare -> 1 0 true 0 }T
T{ 0e 3 t-rep s" 000" compare -> 1 0 true 0 }T
T{ 0.1e 20 t-rep s" 10000000000000000555" compare -> 0 0 true 0 }T
T{ t-inf t-buf 5 represent nip nip t-buf 5 s" inf  " compare -> false 0 }T
T{ 1e t-buf 0 represent -> 1 0 true }T
T{ 1e 0 5 ' represent catch nip nip fdrop fclear -> -9 }T
T{ precision 5 set-precision precision swap set-precision -> 5 }T
T{ 0 set-precision precision -1 set-precision precision 15 set-precision -> 1 255 }T
1e f. 1e fe. 1e fs. cr
T{ ' f. catch ' fs. catch ' fe. catch fclear -> -45 -45 -45 }T
T{ s" FLOATING" environment? s" FLOATING-EXT" environment? -> true true true true }T
T{ s" FLOATING-STACK" environment? nip s" MAX-FLOAT" environment? f0< -> true true false }T
