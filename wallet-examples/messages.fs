\ A message signed and checked, by BIP137, which tells the key.
load plain.wallet
next-address 2dup type cr s" I am the owner of this address" sign-message-137 type cr
check-message bcrt1qtk89me2ae95dmlp3yfl4q9ynpux8mxjus4s872 KCHtv/ClzOrvEpRMvupNpeEA2HPawRaaykeWgxXAgwcoIMXiQg1NO/khSn22/NheF7bOpBEbPyqeGbLu2zQGMRI= I am the owner of this address
\ Another text is refused, with THROW.
s" bcrt1qtk89me2ae95dmlp3yfl4q9ynpux8mxjus4s872" s" KCHtv/ClzOrvEpRMvupNpeEA2HPawRaaykeWgxXAgwcoIMXiQg1NO/khSn22/NheF7bOpBEbPyqeGbLu2zQGMRI=" s" I am another" ' check-message-by catch . 2drop 2drop 2drop
bye
