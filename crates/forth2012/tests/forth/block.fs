\ BLOCK and BLOCK EXT.
decimal
: t-blank ( u -- a-addr )  buffer dup 1024 blank ;
: t-put ( c-addr u block -- )  t-blank swap move update ;
T{ blk @ -> 0 }T
T{ 20 block dup aligned = -> true }T
T{ 20 block 1024 -trailing nip -> 0 }T
T{ 20 block 20 block = 20 block 20 buffer = -> true true }T
s" 1 2 +" 20 t-put
T{ 20 load -> 3 }T
T{ flush 20 block 5 s" 1 2 +" compare -> 0 }T
T{ 20 block char 9 swap c! empty-buffers 20 load -> 3 }T
T{ 20 block char 9 swap c! update save-buffers empty-buffers 20 load -> 11 }T
T{ s" blocks.fb" file-status nip -> 0 }T

\ UPDATE marks the current block alone.
s" 21" 21 t-put  s" 22" 22 t-put  flush
T{ 21 block char X over c! drop 22 block char Y swap c! update flush 21 block c@ 22 block c@ -> 50 89 }T
\ More blocks than buffers.
: t-many 100 30 do i 0 <# #s #> i t-put loop ;
T{ t-many flush 30 load 99 load 65 load -> 30 99 65 }T
T{ t-many 30 load 99 load 65 load flush -> 30 99 65 }T

\ BLK, EVALUATE, nesting.
s\" blk @ s\" blk @\" evaluate blk @" 23 t-put
T{ 23 load blk @ -> 23 0 23 0 }T
s" 1 25 load blk @ source nip" 24 t-put   s" 2 empty-buffers t-many 3" 25 t-put  flush
T{ 24 load -> 1 2 3 24 1024 }T
s" source drop blk @ block =" 26 t-put
T{ 26 load -> true }T
T{ s" 26 load 5" evaluate -> true 5 }T
s" : t-b 1 throw ; t-b" 27 t-put
T{ 27 ' load catch nip blk @ -> 1 0 }T

\ THRU, REFILL, comments, SAVE-INPUT.
s" 1" 40 t-put  s" 2" 41 t-put  s" 3" 42 t-put
T{ 40 42 thru -> 1 2 3 }T
T{ 42 40 thru -> }T
T{ 40 40 thru -> 1 }T
s" 1 refill not reached" 43 t-put  s" 4" 44 t-put  flush
T{ 43 load -> 1 true 4 }T
s" 1 \ skipped to the end of the line" 45 t-put  s" 2" 45 block 64 + swap move update flush
T{ 45 load -> 1 2 }T
s" 0 save-input restore-input" 46 t-put
T{ 46 load -> 0 true }T
s" 1 ( a comment ) 2 \" 47 t-put
T{ 47 load -> 1 2 }T

\ LIST and SCR.
T{ 20 list scr @ -> 20 }T
T{ scr aligned scr = blk aligned blk = -> true true }T

\ What is refused.
T{ -1 ' block catch nip 1 40 lshift ' block catch nip 0 ' load catch nip -> -35 -35 -35 }T
T{ -1 ' buffer catch nip 1 -1 1 rshift ' thru catch nip nip -> -35 -35 }T

\ Another file.
T{ s" other.fb" open-blocks 20 block 1024 -trailing nip -> 0 }T
s" 77" 20 t-put
T{ use blocks.fb 20 block c@ s" other.fb" open-blocks 20 load -> 57 77 }T
T{ s" BLOCK" environment? s" BLOCK-EXT" environment? -> true true true true }T
