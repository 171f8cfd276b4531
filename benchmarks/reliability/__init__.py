"""Bad files made from good ones, judged against slow references: `make reliability`; tests run a sample.

The modules `slow_…` are the references: obviously right, one value after the other, none of our code in them.
"""
