// Every structure that crosses to the library is blittable and laid out by hand, so no call pays for a marshalling stub.
[assembly: System.Runtime.CompilerServices.DisableRuntimeMarshalling]
