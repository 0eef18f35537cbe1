"""`python -m svtok` is the command `svtok`."""

from svtok.cli.main import main

if __name__ == "__main__":
    main()
