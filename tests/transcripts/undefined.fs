\ A misspelt word inside a definition.
: health ( -- f )
  init-storage get-hieght 0 > ;
