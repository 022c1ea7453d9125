using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

[assembly: TestFramework("Harness.Tests.SharedRun", "Harness.Tests")]

namespace Harness.Tests;

/// <summary>
/// Several test hosts share one run: with <c>HARNESS_TEST_CLAIMS</c> naming a folder that all of them see, each takes a class of tests by making a file
/// there, and leaves alone what another has taken. So every class runs once, in one host, and whoever is free takes the next. Within a host nothing runs
/// side by side: tests that count what their own process does (bytes, descriptors, threads) stay alone in it. Without the variable the host runs all it
/// is asked to.
/// </summary>
public sealed class SharedRun(IMessageSink messages) : XunitTestFramework(messages)
{
    /// <inheritdoc/>
    protected override ITestFrameworkExecutor CreateExecutor(AssemblyName assemblyName) =>
        new Executor(assemblyName, SourceInformationProvider, DiagnosticMessageSink);

    private sealed class Executor(AssemblyName assembly, ISourceInformationProvider sources, IMessageSink messages)
        : XunitTestFrameworkExecutor(assembly, sources, messages)
    {
        protected override async void RunTestCases(IEnumerable<IXunitTestCase> testCases, IMessageSink executionMessageSink,
            ITestFrameworkExecutionOptions executionOptions)
        {
            using var runner = new Runner(TestAssembly, testCases, DiagnosticMessageSink, executionMessageSink, executionOptions);
            await runner.RunAsync();
        }
    }

    private sealed class Runner(ITestAssembly assembly, IEnumerable<IXunitTestCase> cases, IMessageSink diagnostics, IMessageSink messages,
        ITestFrameworkExecutionOptions options) : XunitTestAssemblyRunner(assembly, cases, diagnostics, messages, options)
    {
        private readonly string? _claims = Environment.GetEnvironmentVariable("HARNESS_TEST_CLAIMS");

        protected override Task<RunSummary> RunTestCollectionAsync(IMessageBus messageBus, ITestCollection testCollection,
            IEnumerable<IXunitTestCase> testCases, CancellationTokenSource cancellationTokenSource) =>
            _claims is null || Claim(Path.Combine(_claims, FileName(testCollection.DisplayName)))
                ? base.RunTestCollectionAsync(messageBus, testCollection, testCases, cancellationTokenSource)
                : Task.FromResult(new RunSummary());

        // The kernel makes a file exactly once, however many ask for it at a time.
        private static bool Claim(string path)
        {
            try
            {
                new FileStream(path, FileMode.CreateNew).Dispose();
                return true;
            }
            catch (IOException) when (File.Exists(path))
            {
                return false;
            }
        }

        private static string FileName(string collection) => string.Concat(collection.Select(c => char.IsLetterOrDigit(c) ? c : '-'));
    }
}
