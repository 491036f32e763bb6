(list (channel
        (name 'guix)
        (url "debian:bookworm")))
