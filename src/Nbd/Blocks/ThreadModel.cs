namespace Harness.Nbd;

/// <summary>
/// How much a block lets happen at one time, strictest first; nbdkit's words and meanings. A chain is as strict as its strictest block. Since a block completes
/// when it likes and from any thread, what is told apart is not threads but what overlaps: a request goes on from its start to its completion.
/// </summary>
public enum ThreadModel
{
    /// <summary>One client at a time: the next one waits to enter the export until the one before has gone. Its requests go one by one.</summary>
    SerializeConnections,

    /// <summary>Any number of clients, and one request at a time of all of them together.</summary>
    SerializeAllRequests,

    /// <summary>One request at a time of each client; those of different clients overlap.</summary>
    SerializeRequests,

    /// <summary>Requests overlap as they come.</summary>
    Parallel,
}

/// <summary>The words for thread models, and the model of a chain.</summary>
public static class ThreadModels
{
    private static readonly string[] s_words = ["serialize-connections", "serialize-all-requests", "serialize-requests", "parallel"];

    /// <summary>The words, strictest first.</summary>
    public static IReadOnlyList<string> Words => s_words;

    /// <summary>The word for a model.</summary>
    public static string Text(this ThreadModel model) => s_words[(int)model];

    /// <summary>Reads a word.</summary>
    public static bool TryParse(string text, out ThreadModel model)
    {
        int index = Array.IndexOf(s_words, text);
        model = (ThreadModel)index;
        return index >= 0;
    }

    /// <summary>The strictest model that blocks of a chain ask for, and the first of those that ask for it.</summary>
    /// <param name="top">The chain's first block.</param>
    public static (ThreadModel Model, IBlock Block) StrictestOf(IBlock top)
    {
        IBlock strictest = top;
        for (IBlock block = top; block is BlockFilter filter; block = filter.Next)
        {
            strictest = filter.Next.ThreadModel < strictest.ThreadModel ? filter.Next : strictest;
        }

        return (strictest.ThreadModel, strictest);
    }
}
