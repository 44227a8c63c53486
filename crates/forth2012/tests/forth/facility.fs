\ FACILITY and FACILITY EXT; the keys come from the host of the test.
decimal
T{ key? ekey? emit? -> true true true }T
T{ ekey ekey>char -> 97 true }T
T{ ekey dup ekey>fkey nip swap ekey>char nip -> true false }T
T{ ekey ekey>fkey drop k-left k-ctrl-mask or = -> true }T
T{ ekey ekey>fkey drop k-f5 k-shift-mask or = -> true }T
T{ ekey dup ekey>char nip swap ekey>fkey nip -> false false }T
T{ ekey ekey>fkey -> k-f1 true }T
T{ key? ' ekey catch -> false -39 }T
T{ 97 ekey>fkey -> 97 false }T
T{ k-up k-down <> k-left k-right <> k-home k-end <> k-prior k-next <> k-insert k-delete <> -> true true true true true }T
T{ k-f2 k-f3 - k-f4 k-f6 = k-f7 k-f8 = k-f9 k-f10 = k-f11 k-f12 = -> -1 false false false false }T
T{ k-shift-mask k-ctrl-mask and k-alt-mask and k-up k-alt-mask and -> 0 0 }T
T{ 3 4 at-xy page -1 -1 at-xy -> }T
T{ 0 ms 5 ms -> }T
T{ time&date -> 1 2 3 4 5 2026 }T

begin-structure t-point
  field: t-x
  field: t-y
end-structure
T{ t-point 0 t-x 0 t-y -> 16 0 8 }T
begin-structure t-mixed
  cfield: t-m1
  field: t-m2
  3 +field t-m3
  t-point +field t-m4
end-structure
T{ 0 t-m1 0 t-m2 0 t-m3 0 t-m4 t-mixed -> 0 8 16 19 35 }T
create t-p t-point allot
T{ 5 t-p t-y ! t-p 8 + @ -> 5 }T
: t-get t-p t-y @ ;
T{ t-get -> 5 }T
T{ ' end-structure catch 5 5 ' end-structure catch nip nip -> -4 -22 }T
T{ s" FACILITY" environment? s" FACILITY-EXT" environment? -> true true true true }T
