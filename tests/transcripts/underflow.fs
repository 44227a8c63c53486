\ A call trace of definitions.
: inner + ;
: outer 1 inner ;
outer
