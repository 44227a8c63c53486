\ FILE and FILE EXT.
decimal
: s= ( c-addr1 u1 c-addr2 u2 -- f )  compare 0= ;
variable t-id   create t-buf 200 allot
: t-open ( c-addr u fam -- ior )  open-file swap t-id ! ;
: t-line ( u -- c-addr u2 f ior )  t-buf swap t-id @ read-line 2>r t-buf swap 2r> ;

\ Making and writing.
T{ s" a.txt" r/w create-file swap t-id ! -> 0 }T
T{ t-id @ file-position t-id @ file-size -> 0. 0 0. 0 }T
T{ s" one" t-id @ write-line s" two" t-id @ write-file -> 0 0 }T
T{ t-id @ file-position t-id @ file-size -> 7. 0 7. 0 }T
T{ 0. t-id @ reposition-file -> 0 }T
T{ 100 t-line 2swap s" one" s= -> true 0 true }T
T{ t-id @ file-position -> 4. 0 }T
T{ 100 t-line 2swap s" two" s= -> true 0 true }T
T{ 100 t-line 2swap nip -> false 0 0 }T
T{ t-id @ flush-file t-id @ close-file -> 0 0 }T
T{ t-id @ close-file 0= t-id @ flush-file 0= -> false false }T

\ Lines and buffers of any length.
T{ s" a.txt" r/o t-open -> 0 }T
T{ 0 t-line 2swap nip -> true 0 0 }T
T{ 2 t-line 2swap s" on" s= -> true 0 true }T
T{ 1 t-line 2swap s" e" s= -> true 0 true }T
T{ 5 t-line 2swap nip -> true 0 0 }T
T{ 5 t-line 2swap s" two" s= -> true 0 true }T
T{ s" x" t-id @ write-file 0= s" x" t-id @ write-line 0= -> false false }T
T{ 4. t-id @ resize-file 0= -> false }T
T{ t-id @ close-file -> 0 }T

\ Bytes.
T{ s" b.bin" w/o bin create-file swap t-id ! -> 0 }T
T{ s\" ab\r\ncd" t-id @ write-file -> 0 }T
T{ t-buf 1 t-id @ read-file nip 0= t-buf 1 t-id @ read-line nip nip 0= -> false false }T
T{ t-id @ close-file -> 0 }T
T{ s" b.bin" r/o t-open 10 t-line 2swap s" ab" s= t-id @ close-file -> 0 true 0 true 0 }T
T{ s" b.bin" r/o bin t-open 10 t-line 2swap s\" ab\r" s= t-id @ close-file -> 0 true 0 true 0 }T
T{ s" b.bin" r/w bin t-open t-buf 4 t-id @ read-file -> 0 4 0 }T
T{ t-buf 100 t-id @ read-file t-buf 100 t-id @ read-file -> 2 0 0 0 }T
T{ 3. t-id @ resize-file t-id @ file-size -> 0 3. 0 }T
T{ 10. t-id @ resize-file 8. t-id @ reposition-file t-buf 9 t-id @ read-file -> 0 0 2 0 }T
T{ t-buf c@ -> 0 }T
T{ 20. t-id @ reposition-file s" z" t-id @ write-file t-id @ file-size -> 0 0 21. 0 }T
T{ -1. t-id @ reposition-file -1. t-id @ resize-file -> -36 -74 }T
T{ 0 -1 t-id @ ' read-file catch nip nip nip t-id @ close-file -> -9 0 }T

\ Names.
T{ s" b.bin" s" c.bin" rename-file -> 0 }T
T{ s" b.bin" file-status nip 0= s" c.bin" file-status nip -> false 0 }T
T{ s" b.bin" r/o t-open s" b.bin" s" d" rename-file 0= -> -38 false }T
T{ s" c.bin" delete-file s" c.bin" delete-file 0= -> 0 false }T
T{ s" " r/o open-file nip 0= s" a.txt" 64 open-file nip 0= -> false false }T

\ Identifiers of no file.
T{ 99 close-file 0= 99 file-size nip nip 0= 99 file-position nip nip 0= -> false false false }T
T{ t-buf 1 99 read-file nip 0= t-buf 1 99 read-line nip nip 0= s" " 99 write-file 0= -> false false false }T
T{ 0. 99 reposition-file 0= 0. -1 resize-file 0= 0 flush-file 0= -> false false false }T
T{ 99 ' include-file catch 0= nip -> false }T

\ Interpreting.
: t-make ( c-addr1 u1 c-addr2 u2 -- )
  w/o create-file throw >r r@ write-file throw r> close-file throw ;
s\" 1+ source-id 0> and\n" s" inc.fs" t-make
T{ 1 s" inc.fs" included -> 2 }T
T{ 1 include inc.fs -> 2 }T
T{ 1 s" inc.fs" required require inc.fs -> 1 }T
s\" 1+\n" s" req.fs" t-make
T{ 1 s" req.fs" required require req.fs include req.fs -> 3 }T
T{ 1 s" inc.fs" r/o open-file throw include-file -> 2 }T
s\" ( two\nlines ) refill drop this is skipped\n" s" ref.fs" t-make
s\" pad 20 source-id read-line\nline\nsource-id file-position source-id file-size\n" s" src.fs" t-make
T{ include src.fs 5 + s" nothing" s" x" t-make -> 4 true 0 76. 0 76. 5 }T
s\" 7 skip-refill\n8\n9" s" ref.fs" t-make
: skip-refill refill drop 0 parse 2drop ;
T{ include ref.fs -> 7 9 }T
s\" refill refill refill" s" eof.fs" t-make
T{ include eof.fs -> false false false }T
s\" variable t-n  0 t-n !\nsave-input\n1 t-n +!\nt-n @ 2 <\n[if] restore-input\n[else] 9\n[then]\n" s" sav.fs" t-make
T{ include sav.fs t-n @ -> 0 9 2 }T
s\" 1 2 nosuchword" s" bad.fs" t-make
T{ s" bad.fs" ' included catch nip nip s" none.fs" ' included catch nip nip -> -13 -38 }T
T{ s" bad.fs" r/o open-file throw dup ' include-file catch nip swap close-file 0= -> -13 false }T

\ Strings outside definitions; two of them live at the same time.
T{ s" abc" s\" d\qe" s\" d\"e" s= -rot s" abc" s= -> true true }T
T{ source-id 0> -> false }T
T{ ( a comment
over lines ) 5 -> 5 }T
T{ s" FILE" environment? s" FILE-EXT" environment? -> true true true true }T
T{ 1
: t-refill refill ; t-refill
0= 2 -> 1 false 2 }T
