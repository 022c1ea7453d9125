using System.Runtime.CompilerServices;

namespace Harness.Tests;

/// <summary>Tests read chains without the program around them, so what it makes known at its beginning is made known here.</summary>
internal static class StoresOfTheSystem
{
    [ModuleInitializer]
    internal static void Register() => Serve.SystemStores.Register();
}
